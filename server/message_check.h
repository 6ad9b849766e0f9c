#ifndef MIRROR_SERVER_MESSAGE_CHECK_H_
#define MIRROR_SERVER_MESSAGE_CHECK_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>

#include "absl/status/status.h"

namespace mirror {

/// Reads a received message, once it is known that it does not become much larger in memory than it was on
/// the wire: an empty message or text of a list has two bytes there, and up to two hundred here. `bytes` are
/// empty then. What `message` held before is forgotten, its memory used again.
///
/// Errors: kInvalidArgument: there is none, or it is not of this type; kResourceExhausted: more than
/// `entries_max` messages and texts of lists stand in it, at whatever depth, fields that are not known here
/// included.
absl::Status ParseChecked(grpc::ByteBuffer* bytes, std::uint64_t entries_max,
                          google::protobuf::Message* message);

}  // namespace mirror

#endif  // MIRROR_SERVER_MESSAGE_CHECK_H_
