"""What a browser needs to explain a picture with no server: payloads, report, static site."""
