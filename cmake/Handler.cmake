# dueq_handler(NAME SOURCES a.c … LIBRARIES PkgConfig::JANSSON …)
# One handler plugin: build/…/handlers/NAME.so, target handler_NAME, installed to DUEQ_HANDLER_DIR. It sees
# dueq_handler.h and its own libraries, and no layer of ours: a shipped handler has nothing that a stranger's lacks.
function(dueq_handler name)
    cmake_parse_arguments(HANDLER "" "" "SOURCES;LIBRARIES" ${ARGN})
    add_library(handler_${name} MODULE ${HANDLER_SOURCES})
    set_target_properties(handler_${name} PROPERTIES
        PREFIX "" OUTPUT_NAME ${name} SUFFIX .so
        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/handlers)
    target_link_libraries(handler_${name} PRIVATE dueq_options dueq_api ${HANDLER_LIBRARIES})
    if(NOT DUEQ_SANITIZE) # a sanitizer's own symbols come with the program
        target_link_options(handler_${name} PRIVATE -Wl,-z,defs)
    endif()
    install(TARGETS handler_${name} LIBRARY DESTINATION ${DUEQ_HANDLER_DIR})
endfunction()
