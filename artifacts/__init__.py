"""What is built or fetched before anything can run: tools, images, manifests, packages."""
