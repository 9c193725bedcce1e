#pragma once

namespace millrace {

// Makes what gRPC and Protobuf log part of this process's log, instead of lines of their own form:
// errors of gRPC as warnings; what Protobuf says of messages that cannot be decoded, which any
// client can send, as debug; the rest as trace. Does so for the whole process; may be called any
// number of times.
void SendGrpcLogToOurs();

}  // namespace millrace
