package a

import (
	"fmt"
	"log"
	"os"

	"x/y"
)
