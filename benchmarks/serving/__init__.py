"""What the benchmark of the service needs: the script beside it, the shops that are asked, the load."""
