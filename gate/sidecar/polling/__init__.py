"""When services are polled, how, and what is stored of it."""
