#ifndef MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_
#define MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_

#include <vector>

#include "client/source/reader.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// The tables of an announcement. Indexes and foreign keys are told as far as they leave half of what one
/// request may hold to the tables themselves, and foreign keys only to tables that are announced, too; how
/// many more there are is told where one number still fits.
void EncodeAnnouncement(const std::vector<SourceTable>& tables, const v1::Limits& limits,
                        v1::TableSchemaRequest* request);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_
