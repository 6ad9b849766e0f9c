#ifndef MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_
#define MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_

#include <functional>

#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// See StoreUpkeep::Rest(). False: it is in use.
bool RestIfIdle(Mirror& mirror);
/// Unless its store is open, or it was deleted: what has its name by then is another one's. Calls for the
/// tenant wait for it.
void WhileClosed(Mirror& mirror, const std::function<void()>& work);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_IDLE_MIRROR_H_
