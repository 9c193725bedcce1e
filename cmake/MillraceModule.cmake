# millrace_module(NAME SOURCES ... LINKS ... [PRIVATE_LINKS ...])
# One static library millrace_<NAME>. LINKS are what its headers need, PRIVATE_LINKS what only its
# sources need. Among modules they are the table of server/README.md.
function(millrace_module NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(millrace_${NAME} STATIC ${ARG_SOURCES})
  add_library(millrace::${NAME} ALIAS millrace_${NAME})
  target_include_directories(millrace_${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(millrace_${NAME} PUBLIC ${ARG_LINKS} Threads::Threads
                        PRIVATE ${ARG_PRIVATE_LINKS} $<BUILD_INTERFACE:millrace_warnings>)
endfunction()

# millrace_executable(NAME SOURCES ... LINKS ...)
function(millrace_executable NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${NAME} PRIVATE ${ARG_LINKS} millrace_warnings)
endfunction()

# millrace_test(NAME SOURCES ... LINKS ... [LABELS ...] [POSTGRES] [FILTER ...] [PROPERTIES ...])
# A GoogleTest binary whose tests each become a CTest test "<NAME>.<suite>.<test>". With POSTGRES they run while the
# test cluster is up (fixture "postgres"), whose connection string is in MILLRACE_TEST_DATABASE_URL. FILTER is one of GoogleTest.
function(millrace_test NAME)
  cmake_parse_arguments(ARG "POSTGRES" "FILTER" "SOURCES;LINKS;LABELS;PROPERTIES" ${ARGN})
  millrace_executable(${NAME} SOURCES ${ARG_SOURCES} LINKS ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  set(PROPERTIES TIMEOUT 300 ${ARG_PROPERTIES})
  if(ARG_LABELS)
    list(APPEND PROPERTIES LABELS "${ARG_LABELS}")
  endif()
  if(ARG_POSTGRES)
    list(APPEND PROPERTIES FIXTURES_REQUIRED postgres
         ENVIRONMENT "MILLRACE_TEST_DATABASE_URL=${MILLRACE_TEST_DATABASE_URL}")
  endif()
  gtest_discover_tests(${NAME} TEST_PREFIX "${NAME}." DISCOVERY_MODE PRE_TEST TEST_FILTER "${ARG_FILTER}" PROPERTIES ${PROPERTIES})
endfunction()

# millrace_proto_library(NAME PROTOS ...) - C++ and gRPC code of .proto files below proto/.
function(millrace_proto_library NAME)
  cmake_parse_arguments(ARG "" "" "PROTOS" ${ARGN})
  set(ROOT ${PROJECT_SOURCE_DIR}/proto)
  set(OUT ${PROJECT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${OUT})
  set(SOURCES)
  foreach(PROTO ${ARG_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" STEM ${PROTO})
    set(OUTPUTS ${OUT}/${STEM}.pb.cc ${OUT}/${STEM}.pb.h ${OUT}/${STEM}.grpc.pb.cc ${OUT}/${STEM}.grpc.pb.h)
    add_custom_command(
      OUTPUT ${OUTPUTS}
      COMMAND protobuf::protoc --proto_path=${ROOT} --cpp_out=${OUT} --grpc_out=${OUT}
              --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin> ${PROTO}
      DEPENDS ${ROOT}/${PROTO}
      COMMENT "Generating ${STEM}.{pb,grpc.pb}.{h,cc}")
    list(APPEND SOURCES ${OUTPUTS})
  endforeach()
  add_library(millrace_${NAME} STATIC ${SOURCES})
  add_library(millrace::${NAME} ALIAS millrace_${NAME})
  # SYSTEM, so that warnings in generated headers are not errors of those who include them.
  target_include_directories(millrace_${NAME} SYSTEM PUBLIC ${OUT})
  target_link_libraries(millrace_${NAME} PUBLIC protobuf::libprotobuf gRPC::grpc++)
endfunction()
