#ifndef MIRROR_SERVER_RPC_MESSAGE_CHECK_H_
#define MIRROR_SERVER_RPC_MESSAGE_CHECK_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace mirror {

/// Asked before a message is unpacked, with what it will have in memory beyond its bytes on the wire: numbers
/// at their full size in arrays that grow by doubling, and 200 bytes for each entry. An error is
/// ParseChecked's.
using AdmitBytes = std::function<absl::Status(std::uint64_t more_bytes)>;

/// Reads a received message, once it is known that it does not become much larger in memory than it was on
/// the wire: an empty message or text of a list has two bytes there, and up to two hundred here; a number of
/// an array one byte there, and eight here. `bytes` are empty then. What `message` held before is forgotten,
/// its memory used again.
///
/// Errors: kInvalidArgument: there is none, or it is not of this type; kResourceExhausted: more than
/// `entries_max` messages and texts of lists stand in it, at whatever depth, fields that are not known here
/// included; what `admit` says.
absl::Status ParseChecked(grpc::ByteBuffer* bytes, std::uint64_t entries_max,
                          google::protobuf::Message* message, const AdmitBytes& admit = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MESSAGE_CHECK_H_
