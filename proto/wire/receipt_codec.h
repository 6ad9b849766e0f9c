#ifndef MIRROR_PROTO_WIRE_RECEIPT_CODEC_H_
#define MIRROR_PROTO_WIRE_RECEIPT_CODEC_H_

#include <string>

#include "mirror/v1/change_batch.pb.h"

namespace mirror {

/// Returns the digest of a batch as its source sends it, see receipt.h. Large values are not included.
std::string BatchDigest(const v1::ChangeBatch& batch);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_RECEIPT_CODEC_H_
