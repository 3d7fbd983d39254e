"""What tests/go/run and tests/peers/run share: the corpus reader, a raw HTTP reader, and the servers' lives."""
