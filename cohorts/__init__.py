"""The shared vocabulary: volumes, structures, subjects, tables, plug-ins and the store. No science."""
