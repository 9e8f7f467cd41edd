module github.com/walnut-ai/walnut/internal/kernel/_asm

go 1.26
