#ifndef MIRROR_SERVER_RPC_MESSAGE_CHECK_H_
#define MIRROR_SERVER_RPC_MESSAGE_CHECK_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace mirror {

/// Called before a message is unpacked, with the memory it will need beyond its bytes on
/// the wire: numbers at their full size in arrays that grow by doubling, and 200 bytes
/// for each entry. ParseChecked returns its error.
using AdmitBytes = std::function<absl::Status(std::uint64_t more_bytes)>;

/// Parses a received message, after checking that it does not become much larger in memory than
/// on the wire: an empty message or text of a list has two bytes there, and up to two hundred
/// here; a number of an array one byte there, and eight here. Leaves `bytes` empty. Overwrites
/// the former content of `message` and uses its memory again.
///
/// Errors: kInvalidArgument: there is no message, or it is not of this type;
/// kResourceExhausted: it has more than `entries_max` messages and texts of lists, at any
/// depth, unknown fields included; the error of `admit`.
absl::Status ParseChecked(grpc::ByteBuffer* bytes, std::uint64_t entries_max,
                          google::protobuf::Message* message, const AdmitBytes& admit = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MESSAGE_CHECK_H_
