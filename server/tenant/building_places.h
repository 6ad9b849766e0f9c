#ifndef MIRROR_SERVER_TENANT_BUILDING_PLACES_H_
#define MIRROR_SERVER_TENANT_BUILDING_PLACES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace mirror {

/// How many new mirrors are made at a time. One that is made cannot be closed before its first cycle ends, so
/// that without a bound first cycles would take every descriptor that this process may have. Threads: any.
class BuildingPlaces {
 public:
  explicit BuildingPlaces(std::size_t count_max);

  /// A place, until it is let go of; that may be after this object. Null: all are taken.
  std::shared_ptr<void> Take(const std::string& context_id);
  bool Has(const std::string& context_id) const;
  std::vector<std::string> All() const;
  std::size_t count_max() const { return count_max_; }

 private:
  struct Taken;

  const std::size_t count_max_;
  const std::shared_ptr<Taken> taken_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_BUILDING_PLACES_H_
