#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_RECORDS_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_RECORDS_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <ostream>

#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_output.h"

// Storages and import jobs for people.

namespace mirror {

/// A line for each data source.
void PrintStorages(std::ostream& out, const v1::ListStoragesResponse& answer, std::size_t width,
                   std::int64_t now_ms);
void PrintImportJobs(std::ostream& out, const v1::ListImportJobsResponse& answer, std::size_t width,
                     std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_RECORDS_OUTPUT_H_
