#!/bin/sh
# hello.sh MESSAGE SECONDS: what it prints is in <root>/logs/com.example.HelloWorld.log
while :; do
    echo "Hello, $1!"
    sleep "$2"
done
