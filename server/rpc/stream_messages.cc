#include "server/rpc/stream_messages.h"

#include <cstdint>
#include <functional>

#include "proto/wire/limits.h"
#include "server/rpc/message_check.h"

namespace mirror {
namespace {

/// Bytes of each message beside its content: headers, frames, TLS records.
constexpr std::uint64_t kBytesAroundMessage = 1 << 10;

}  // namespace

bool StreamMessages::Read(v1::RowDataRequest* request, std::shared_ptr<void>* room) {
  grpc::ByteBuffer bytes;
  if (!fault_.ok() || !raw_->Read(&bytes)) return false;
  empty_ = false;
  vouched_.Vouch(peer_, bytes.Length() + kBytesAroundMessage);
  auto part = std::static_pointer_cast<MemoryShare::Part>(*room);
  if (part == nullptr) *room = part = std::make_shared<MemoryShare::Part>(memory_, tenant_);
  fault_ = ParseChecked(&bytes, kMessageEntriesMax, request,
                        std::bind_front(&MemoryShare::Part::HoldAtLeast, part.get()));
  return fault_.ok();
}

}  // namespace mirror
