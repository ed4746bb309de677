"""What has to be asked of others before a request can go on."""
