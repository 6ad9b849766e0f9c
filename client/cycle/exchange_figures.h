#ifndef MIRROR_CLIENT_CYCLE_EXCHANGE_FIGURES_H_
#define MIRROR_CLIENT_CYCLE_EXCHANGE_FIGURES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mirror {

/// Of refusals as many are told.
inline constexpr std::size_t kRefusalsTold = 20;

/// What one run did with the deliveries of a hub.
struct ExchangeFigures {
  std::uint64_t fetched = 0;
  std::uint64_t applied = 0;
  std::uint64_t already = 0;    ///< The ledger had them.
  std::uint64_t conflicts = 0;  ///< The row was not as the hub knew it; the push behind tells it.
  std::uint64_t refused = 0;
  std::uint64_t later = 0;                 ///< Refused before, and not due yet.
  std::string waiting = {};                ///< Why the hub gave nothing; empty: it gave what there was.
  std::vector<std::string> refusals = {};  ///< Reasons, without values; kRefusalsTold at most.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_EXCHANGE_FIGURES_H_
