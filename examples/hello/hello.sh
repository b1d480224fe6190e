#!/bin/sh
echo "Hello ${1:-from cooper}, I am $(id -un) on $(uname -s)."
