"""S3 actions that reading and writing applications need, on AWS and on the gateway of one machine."""

LIST = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")
"""On a bucket."""

READ = ("s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectTagging")
"""On its objects."""

WRITE = (
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
"""On its objects, for those that write."""
