"""What calls and registrations use of what is limited."""
