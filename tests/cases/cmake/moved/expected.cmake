cmake_minimum_required(VERSION 3.10)
project(demo LANGUAGES C)
target_link_libraries(demo m pthread)
add_library(demo STATIC a.c b.c)
