package a

import (
	"fmt"
	"io"
	"log"
	"os"

	"x/y"
)
