#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SOURCE_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SOURCE_H_

#include "client/config/config.h"
#include "tools/mirrorctl/init/doctor_report.h"

namespace mirror {

/// What an agent with this configuration meets: the endpoint's port, its keys, the endpoint's proof to each
/// tenant (by an Authenticate that only asks), and each source's database and change log. Only looks.
void ExamineSource(const AgentConfig& config, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SOURCE_H_
