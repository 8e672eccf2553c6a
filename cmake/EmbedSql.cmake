# cmake -DOUTPUT=header -DFILES="a.sql;b.sql" -P EmbedSql.cmake
# Bytes, not a literal: a literal may be cut at 4,095 characters by a strict C11 compiler.
set(text "")
set(names "")
foreach(file IN LISTS FILES)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "(char) 0x\\1," bytes "${hex}")
    get_filename_component(name ${file} NAME_WE)
    string(APPEND text "static const char schema_${name}[] = { ${bytes} 0 };\n")
    string(APPEND names "    schema_${name},\n")
endforeach()
file(WRITE ${OUTPUT} "${text}static const char *const schema_files[] = {\n${names}};\n")
