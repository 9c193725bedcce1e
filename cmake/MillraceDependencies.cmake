# Foreign libraries, all from Debian's packages (scripts/install-dependencies).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
pkg_check_modules(PQXX REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
# Of the tasks: HTTP, signatures, images.
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips-cpp)
find_package(Protobuf REQUIRED)  # in module mode, and before gRPC: Debian ships no config file
find_package(gRPC CONFIG REQUIRED)
if(MILLRACE_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
