#include <a>
#include <b>
#include <c>
#include <d>
