"""What several test modules share: clusters on this machine."""
