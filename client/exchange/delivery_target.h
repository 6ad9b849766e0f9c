#ifndef MIRROR_CLIENT_EXCHANGE_DELIVERY_TARGET_H_
#define MIRROR_CLIENT_EXCHANGE_DELIVERY_TARGET_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// A source that takes deliveries, whatever its kind: see inbox.h for the first three, Importer for the last.
/// Errors: those of the source; what is not done is not done in part. Threads: one.
class DeliveryTarget {
 public:
  virtual ~DeliveryTarget() = default;

  virtual absl::Status EmptyInbox() = 0;
  virtual absl::Status FillInbox(const FetchedDeliveries& fetched, std::int64_t now_ms) = 0;
  virtual absl::StatusOr<std::vector<v1::Delivery>> ReadInbox() = 0;
  virtual absl::StatusOr<ImportResult> Import(const v1::Delivery& delivery) = 0;

  /// For what a layout shows beside these: `work` has a session of its own. Errors: also those of `work`;
  /// kUnimplemented: sources of this kind have no boxes.
  virtual absl::Status WithBoxes(const std::function<absl::Status(BoxSource&)>& /*work*/) {
    return absl::UnimplementedError("sources of this kind have no boxes");
  }
  /// Nothing is imported any more: gives back what it keeps in memory for it. One that is imported all the
  /// same begins anew.
  virtual void EndImport() = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DELIVERY_TARGET_H_
