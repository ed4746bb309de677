"""Who is registered, and through which connections devices are reached."""
