module portcullis.dev/bench

go 1.22
