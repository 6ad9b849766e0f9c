#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SOURCE_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SOURCE_H_

#include "client/config/config.h"
#include "tools/mirrorctl/init/doctor_report.h"

namespace mirror {

/// Checks what an agent with this configuration needs: endpoint port, keys, the endpoint's proof to each
/// tenant (by Authenticate with `probe`), and each source's database and change log. It changes nothing.
void ExamineSource(const AgentConfig& config, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SOURCE_H_
