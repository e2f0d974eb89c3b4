"""The HTTP process: parses, queues, caches and answers; pixels are computed in worker processes."""
