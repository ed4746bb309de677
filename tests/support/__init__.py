"""What tests share: fakes with behaviour, clients, vectors."""
