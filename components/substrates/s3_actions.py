"""S3 actions of grants, on AWS and on the S3 gateway of one machine."""

LIST = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")
"""Actions on a bucket, for every grant of a whole bucket."""

LIST_FOLDER = "s3:ListBucket"
"""Action on a bucket, for every grant with a prefix. No client needs the others, which would show all prefixes."""

READ = ("s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectTagging")
"""Actions on objects, for every grant."""

WRITE = (
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
"""Actions on objects, for grants with write access."""
