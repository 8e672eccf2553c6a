# What is installed beside the programs, the handlers and the header, which their own directories install; and the .deb.

# Where dueq.conf goes: /etc/dueq for a system prefix (/usr, /usr/local), below any other prefix, so that an installation into a
# folder of one's own touches nothing outside it. Known only when it is installed (`cmake --install build --prefix …`).
set(find_config_dir "
    set(bindir \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    if(CMAKE_INSTALL_PREFIX MATCHES \"^/usr(/local)?/?\$\")
        set(configdir /etc/dueq)
    else()
        set(configdir \"\${CMAKE_INSTALL_PREFIX}/etc/dueq\")
    endif()
")

foreach(program dueqd dueq)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endforeach()

install(CODE "${find_config_dir}
    configure_file(\"${PROJECT_SOURCE_DIR}/systemd/dueqd.service.in\" \"${PROJECT_BINARY_DIR}/dueqd.service\" @ONLY)
")
install(FILES ${PROJECT_BINARY_DIR}/dueqd.service DESTINATION lib/systemd/system)

# An operator's file is never overwritten; what it would have been is in the documentation's folder.
install(CODE "${find_config_dir}
    if(EXISTS \"\$ENV{DESTDIR}\${configdir}/dueq.conf\")
        message(STATUS \"Kept: \$ENV{DESTDIR}\${configdir}/dueq.conf\")
    else()
        file(INSTALL \"${PROJECT_SOURCE_DIR}/conf/dueq.conf\" DESTINATION \"\${configdir}\")
    endif()
")
install(FILES conf/dueq.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

file(GLOB schema_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schema/*.sql)
install(FILES ${schema_files} DESTINATION ${CMAKE_INSTALL_DATADIR}/dueq/schema)

foreach(section 1 3 5 7 8)
    file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
    if(pages)
        install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
endforeach()

file(GLOB guides CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/README*.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${guides} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# The directories that only dueq has are open to all who read, whatever the umask of the one who installs: with 077 the service
# could not get at its configuration.
install(CODE "${find_config_dir}
    set(to_all OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    set(root \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
    file(CHMOD \"\$ENV{DESTDIR}\${configdir}\" PERMISSIONS \${to_all})
    file(CHMOD_RECURSE \"\${root}/${CMAKE_INSTALL_LIBDIR}/dueq\" \"\${root}/${CMAKE_INSTALL_DATADIR}/dueq\"
        \"\${root}/${CMAKE_INSTALL_DOCDIR}\" DIRECTORY_PERMISSIONS \${to_all})
")

# The .deb: `cpack` in a build directory of the preset release.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ${PROJECT_NAME})
set(CPACK_PACKAGE_VENDOR "the dueq authors")
set(CPACK_PACKAGE_CONTACT "the dueq authors <dueq@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "MySQL-backed delay and retry queue")
set(CPACK_PACKAGE_DESCRIPTION
"Applications insert jobs with plain SQL, in the transaction of their business data. dueqd hands
each to a handler plugin once it is due, retries it with backoff until it succeeds, and moves it to
a dead-letter table when it cannot. Works with MariaDB 10.6 or later and MySQL 8.0.16 or later.")
set(CPACK_STRIP_FILES ON)
# By DESTDIR, since /etc is outside of the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/deb/OpenDirectories.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# The unit's user is a dynamic one: by this module the rest of the system can see its name.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libnss-systemd)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "mariadb-server | virtual-mysql-server")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/cmake/deb/postinst ${PROJECT_SOURCE_DIR}/cmake/deb/prerm
    ${PROJECT_SOURCE_DIR}/cmake/deb/postrm ${PROJECT_SOURCE_DIR}/cmake/deb/conffiles)
include(CPack)
