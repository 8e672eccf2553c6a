# dueq_layer(NAME SOURCES a.c b.c USES base queue …)
# One static library for one directory of src/. Its headers are found by quoted includes in the layers that say
# they use it and in no other, so that an include against the order of the layers does not build.
function(dueq_layer name)
    cmake_parse_arguments(LAYER "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
    add_library(dueq_${name} STATIC ${LAYER_SOURCES})
    target_compile_options(dueq_${name} INTERFACE "SHELL:-iquote ${CMAKE_CURRENT_SOURCE_DIR}")
    target_link_libraries(dueq_${name} PRIVATE dueq_options ${LAYER_LIBRARIES} PUBLIC Threads::Threads)
    foreach(used IN LISTS LAYER_USES)
        target_link_libraries(dueq_${name} PRIVATE dueq_${used})
    endforeach()
endfunction()
