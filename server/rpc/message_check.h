#ifndef MIRROR_SERVER_RPC_MESSAGE_CHECK_H_
#define MIRROR_SERVER_RPC_MESSAGE_CHECK_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace mirror {

/// Called before a message is unpacked. `more_bytes`: the memory that the message needs beyond its bytes on
/// the wire. It counts numbers at their full size, in arrays that grow by doubling, and 200 bytes for each
/// entry. ParseChecked() returns its error.
using AdmitBytes = std::function<absl::Status(std::uint64_t more_bytes)>;

/// Parses a received message, after a check that it does not become much larger in memory than on the wire.
/// An empty message or text in a list has two bytes on the wire and up to two hundred in memory; a number in
/// an array can have one byte on the wire and eight in memory. Leaves `bytes` empty. Replaces the content of
/// `message`, and uses its memory again.
///
/// Errors: kInvalidArgument: there is no message, or it is not of this type; kResourceExhausted: it has more
/// than `entries_max` messages and texts in lists, at any depth, with unknown fields; the error of `admit`.
absl::Status ParseChecked(grpc::ByteBuffer* bytes, std::uint64_t entries_max,
                          google::protobuf::Message* message, const AdmitBytes& admit = {});

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_MESSAGE_CHECK_H_
