cmake_minimum_required(VERSION 3.16)
project(demo LANGUAGES C CXX)
add_library(demo STATIC a.c b.c)
target_link_libraries(demo m)
