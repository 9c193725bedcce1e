# Run by millrace_embed_text: cmake -DOUT= -DVARIABLE= -DFILES= -P EmbedText.cmake
set(BODY "#pragma once\n\n// Generated. Do not edit.\n\nnamespace millrace {\n\n")
string(APPEND BODY "struct ${VARIABLE}Entry {\n  const char* name;\n  const char* text;\n};\n\n")
string(APPEND BODY "inline constexpr ${VARIABLE}Entry ${VARIABLE}[] = {\n")
foreach(FILE ${FILES})
  get_filename_component(NAME ${FILE} NAME)
  # HEX keeps semicolons and brackets, which CMake's lists would change, as they are.
  file(READ ${FILE} HEX_TEXT HEX)
  string(REGEX REPLACE "(................................................................)" "\\1\"\n     \"" HEX_LINES "${HEX_TEXT}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" ESCAPED "${HEX_LINES}")
  string(APPEND BODY "    {\"${NAME}\",\n     \"${ESCAPED}\"},\n")
endforeach()
string(APPEND BODY "};\n\n}  // namespace millrace\n")
file(WRITE ${OUT} "${BODY}")
