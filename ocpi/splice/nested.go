package splice

// Edit opens the object in a member, calls f with it and puts it back. A member
// that is absent or not an object is left alone.
func (o *Object) Edit(name string, f func(*Object) error) error {
	v := o.Get(name)
	if v == nil || v.Kind() != '{' {
		return nil
	}
	child, err := Open(v)
	if err != nil {
		return err
	}
	if err := f(child); err != nil {
		return err
	}
	if child.changed {
		o.Set(name, child.Bytes())
	}
	return nil
}

// EditList opens the list in a member, calls f with it and puts it back. A
// member that is absent or not a list is left alone.
func (o *Object) EditList(name string, f func(*List) error) error {
	v := o.Get(name)
	if v == nil || v.Kind() != '[' {
		return nil
	}
	child, err := OpenList(v)
	if err != nil {
		return err
	}
	if err := f(child); err != nil {
		return err
	}
	if child.changed {
		o.Set(name, child.Bytes())
	}
	return nil
}

// EditEach calls f with every element that is an object, dropping those for
// which keep is false. Other elements are left alone.
func (l *List) EditEach(f func(i int, o *Object) (keep bool, err error)) error {
	for i := range l.parts {
		v := l.At(i)
		if v.Kind() != '{' {
			continue
		}
		o, err := Open(v)
		if err != nil {
			return err
		}
		keep, err := f(i, o)
		switch {
		case err != nil:
			return err
		case !keep:
			l.Delete(i)
		case o.changed:
			l.Set(i, o.Bytes())
		}
	}
	return nil
}

// DropTexts drops the elements that are strings for which keep is false, and
// calls dropped with each.
func (l *List) DropTexts(keep func(s string) bool, dropped func(i int, s string)) {
	for i := range l.parts {
		if v := l.At(i); v.Kind() == '"' {
			if s := plain(v); !keep(s) {
				l.Delete(i)
				dropped(i, s)
			}
		}
	}
}
