module nethttp/tests

go 1.24
