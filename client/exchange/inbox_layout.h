#ifndef MIRROR_CLIENT_EXCHANGE_INBOX_LAYOUT_H_
#define MIRROR_CLIENT_EXCHANGE_INBOX_LAYOUT_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "client/exchange/box_source.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

struct FetchedDeliveries;
struct ImportResult;

/// What a source shows of its inbox, beside `_mirror_inbox`, to people and to its own programs. Each call is
/// a part of the change that it tells of. Errors: those of BoxSql, and then nothing of that change is done.
/// Threads: one.
class InboxLayout {
 public:
  virtual ~InboxLayout() = default;

  /// `_mirror_inbox` holds these now, and nothing else.
  virtual absl::Status Filled(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  /// A delivery is about to be imported; nothing of it is written yet.
  virtual absl::Status Importing() = 0;
  /// It was imported, or was not, and is in `_mirror_inbox` no more.
  virtual absl::Status Imported(const v1::Delivery& delivery, const ImportResult& result,
                                std::int64_t now_ms) = 0;
};

/// Of one session with the source. Empty: nothing is shown.
using MakeInboxLayout = std::function<std::unique_ptr<InboxLayout>(BoxSource& source)>;

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_INBOX_LAYOUT_H_
