cmake_minimum_required(VERSION 3.20)
project(demo LANGUAGES C)
add_library(demo STATIC a.c b.c)
target_link_libraries(demo m)
