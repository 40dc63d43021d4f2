#include <a>
#include <c>
#include <d>
