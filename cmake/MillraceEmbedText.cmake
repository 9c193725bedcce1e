# millrace_embed_text(TARGET OUTPUT FILES ...)
# Writes a header OUTPUT (below the build folder's generated/) with the texts of FILES in order, as
# `inline constexpr EmbeddedText k<...>[]` of {name, text}, and makes TARGET depend on it.
function(millrace_embed_text TARGET OUTPUT VARIABLE)
  cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
  set(OUT ${PROJECT_BINARY_DIR}/generated/${OUTPUT})
  add_custom_command(
    OUTPUT ${OUT}
    COMMAND ${CMAKE_COMMAND} -DOUT=${OUT} -DVARIABLE=${VARIABLE} "-DFILES=${ARG_FILES}"
            -P ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
    DEPENDS ${ARG_FILES} ${PROJECT_SOURCE_DIR}/cmake/EmbedText.cmake
    COMMENT "Embedding ${OUTPUT}" VERBATIM)
  target_sources(${TARGET} PRIVATE ${OUT})
  target_include_directories(${TARGET} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()
