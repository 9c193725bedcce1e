#pragma once

namespace millrace {

// Makes what gRPC logs part of this process's log, instead of lines of its own form: its errors as
// warnings, the rest as trace. Does so for the whole process; may be called any number of times.
void SendGrpcLogToOurs();

}  // namespace millrace
